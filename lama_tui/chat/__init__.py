"""What a turn is: builds the context, drives a provider, saves as it streams."""
