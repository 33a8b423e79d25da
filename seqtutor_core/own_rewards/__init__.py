"""Rewards that users write themselves: files in a folder of theirs, run in processes of their own."""

from seqtutor_core.own_rewards.folder import OwnReward, check_name, find, folder, listed
from seqtutor_core.own_rewards.scores import Score, scorer

__all__ = ["OwnReward", "Score", "check_name", "find", "folder", "listed", "scorer"]
