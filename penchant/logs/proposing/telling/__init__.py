"""What `penchant init` says of data that is not as it should be, and what to write."""
