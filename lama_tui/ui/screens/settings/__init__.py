"""Settings on screen: of lama (`of_lama`) and of one conversation (`of_conversation`), by the same parts."""
