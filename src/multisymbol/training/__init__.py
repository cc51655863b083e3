"""Training one model: fit, result, registration, resume and fine-tuning."""
