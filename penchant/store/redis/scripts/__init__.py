"""What Redis does in one step: Lua, run inside the server.

A script is refused before its first write where memory has run out, and never later; so those that make room (settle,
forget) begin with a command that only removes.
"""
