"""What happens between the app and the terminal."""
