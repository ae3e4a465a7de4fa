"""The running service: enrols appointments, sends reminders, answers patients."""
