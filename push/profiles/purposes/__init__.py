"""What people can be asked to agree to: the built-in purposes and the site's own, in which words, in which countries.

settings, words ─▶ Purposes ─┬▶ is there such a purpose?
                             ├▶ what is asked in this country, in this language, under which version
                             └▶ which versions of words count
"""
