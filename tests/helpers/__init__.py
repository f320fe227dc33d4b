"""What tests of several stages share: small logs and runs, processes and servers that can be killed."""
