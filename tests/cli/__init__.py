"""The command line, on real brokers where a command needs one."""
