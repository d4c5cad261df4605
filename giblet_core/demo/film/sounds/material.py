"""What the film is made of, as ``film.yaml`` says: pieces, rhythms, rooms, interludes."""

from giblet_core.files import ASSETS, read_yaml

SCORE = ASSETS / "film.yaml"
FILM = read_yaml(SCORE)
CUES = FILM["cues"]
