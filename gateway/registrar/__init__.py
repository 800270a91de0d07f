"""Those who register with us: PBXs, telephones and pages, and the calls to them."""
