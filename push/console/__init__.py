"""What people look at: the phone's web app, and the pages for the store's staff."""
