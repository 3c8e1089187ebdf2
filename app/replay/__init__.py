"""Drives orders through a running stack from outside, as residents, pickers, drivers and collectors would."""
