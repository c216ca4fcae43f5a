"""The full-screen workspace. The only room that imports Textual."""
