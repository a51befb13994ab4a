"""Tell what a study found: the data step apart from drawing."""
