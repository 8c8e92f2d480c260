"""What is known of an image that was drawn: scores, a verdict, and why. The door is `judge.Judge`.

Nothing is drawn here, and nothing is drawn again: who asks decides what becomes of a rejected image.
"""
