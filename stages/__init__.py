"""One short script per DVC stage. Stage name = module name = section of params.yaml."""
