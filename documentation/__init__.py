"""What of the documentation is made by programs: its pictures, and the reference of the routes."""
