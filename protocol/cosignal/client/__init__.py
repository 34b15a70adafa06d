"""What a phone or a mirror does over HTTP: follow, verify, keep, match.

======================================= ================================================
where a chain is read from              `sources`, `paths`, `downloads`
what reading costs                      `traffic`
what is believed                        `follower`, `certify`, `disputes`
what is kept                            `store`, `state`, `folders`
a whole phone, for apps                 `phone`
parameters in force, and their proof    `configurations`
pieces for tools and tests              `exposures`, `sightings`, `upload`,
                                        `matching_threads`
what anybody can check and serve        `mirror`, `watch`, `fsck`, `verify`
======================================= ================================================

All rules are in `cosignal.protocol`; here is what needs a network, a disk or patience.
"""
