"""The one way in for what is said of people.

```text
HTTP ─parse▶ Statement ─intake▶ apply: known? ▶ who ▶ links ▶ consent ▶ gate ▶ tracked, traits, features ▶ segments
```
"""
