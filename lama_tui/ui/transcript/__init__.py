"""What the transcript is made of besides its widget: the column of messages, the cursor, selections."""
