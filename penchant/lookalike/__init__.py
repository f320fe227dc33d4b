"""Seeds → clusters → scores → audiences: pure arithmetic, without files, clocks or HTTP."""
