"""Scripts whose training loop is their own: run as they are, stopped at borders of batches, put back by forks."""
