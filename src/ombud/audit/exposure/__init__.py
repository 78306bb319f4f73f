"""How many people an app reached and could have reached: what is proved, and the most that was possible."""
