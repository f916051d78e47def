"""An application with handlers that misbehave, installed in the processes of some tests alone."""
