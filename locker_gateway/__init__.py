"""The site's own program: it judges codes, opens doors and knows where each parcel lies, with or without an uplink."""

VERSION = "0.1.0"
