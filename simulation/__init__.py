"""One site, its service and its people in virtual time: the real cores, the rest made up (docs/simulation.md)."""
