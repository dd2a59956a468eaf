"""Pictures of operator graphs: boxes for operators, frames for blocks, a layered layout of our own."""
