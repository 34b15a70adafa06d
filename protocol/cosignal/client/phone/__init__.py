"""A phone: broadcast, remember, download, find out, upload; one SQLite file.

======================================= ================================================
what an app embeds                      `phone`, `upload_desk`
the file, and what time it surely is    `database`, `files`, `timekeeping`
what goes on air and what is heard      `own_keys`, `broadcast`, `sighting_log`
what is fetched, and what that costs    `followed_chain`, `mirrors`, `bandwidth`
what is found and told                  `encounters`, `heard_keys`, `assessment`,
                                        `findings`, `alerts`
how keys reach an authority             `uploads`, `upload_jobs`, `upload_outcomes`,
                                        `upload_advice`, `receipts`
uploads that are none                   `chaff`, `pacing`
======================================= ================================================

Every module keeps its own tables. Time and randomness are arguments.
"""
