"""What fills landing: sources, their hours, and the requests to pull hours again."""
