"""How much may be sent, brought in and taken out in any seven days."""
