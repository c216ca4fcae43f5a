"""What the composer knows besides where its cursor is: pastes, drafts, what was written before."""
