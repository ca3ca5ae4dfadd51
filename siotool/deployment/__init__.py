"""What runs a load test where containers run: the image, and manifests for Kubernetes and Compose."""
