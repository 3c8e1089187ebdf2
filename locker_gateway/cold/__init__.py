"""The cold chain at a site: samples to minutes, minutes to verdicts, and what follows. All of it pure, and alone when
the uplink is down.
"""
