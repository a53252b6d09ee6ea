"""Other people's gateways: their messages, translated into the rows that our own gateways' batches become.

    topic ─routes▶ source ─theengs, espresense, raddec▶ Told ─rows▶ Arrived ─▶ the tick, beside our own batches

`told` holds what every dialect gives and is built of, `queue` the messages that wait, bounded apart from our own
gateways' batches. Whoever sends such a message proves nothing: a source is believed because its store says so, and
because the broker lets nobody else publish there.
"""
