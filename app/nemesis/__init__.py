"""Faults on a running stack of our own: processes, cables, disks, the clock."""
