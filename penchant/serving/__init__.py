"""Events in; fresh profiles and look-alike scores out."""
