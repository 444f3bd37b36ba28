"""Pictures of schedules: as SVG, with matplotlib, and in a terminal."""
