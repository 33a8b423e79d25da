"""What each command of the command line does. Each takes the parsed options and may return an exit status."""
