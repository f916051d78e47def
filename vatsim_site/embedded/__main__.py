"""`python -m vatsim_site.embedded`: what `make run` starts."""

import sys

from vatsim_site.embedded.launcher import main

sys.exit(main())
