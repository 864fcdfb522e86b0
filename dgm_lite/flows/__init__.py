"""Flow-based models: p(x) = p_z(f(x)) |det J_f(x)| with an invertible f, and their kin on integers."""
