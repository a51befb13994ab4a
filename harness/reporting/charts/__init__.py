"""Draw the report's charts as SVG; what they show is told by the data of `reporting`."""
