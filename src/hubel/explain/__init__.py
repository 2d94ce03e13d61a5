"""What a network sees: heat maps, feature maps, filters, receptive fields, gradients."""
