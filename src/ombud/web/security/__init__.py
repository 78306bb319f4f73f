"""What every answer and every request must pass: headers, hosts, origins, forms, limits."""
