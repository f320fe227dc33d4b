"""What runs on a run folder all day: servers, pages, the atlas, replay, erasure."""
