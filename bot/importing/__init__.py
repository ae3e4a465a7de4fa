"""Appointments from outside, one file a format."""
