"""The words that pocket's tokenizer keeps whole: those of the captions and of prompts near them.

Only words. Trained weights keep a tokenizer of their own in their folder; a new word here changes the vocabulary of
those that are trained next.
"""

_TEXT = """
a an the of with in on at and no wearing photo picture portrait image close up studio person man woman
boy girl human face head guy lady old young adult people someone their his her is who has by , .
hair bald afro long short curly wavy straight bun ponytail buzz cut shaved bob crop cropped spiky braids
fringe bangs hairstyle shoulder length medium tied back top knot swept side parting messy
black brown blond blonde red ginger grey gray white pink blue green purple orange yellow dark light golden
auburn chestnut silver teal turquoise navy maroon olive beige tan cream violet platinum copper
skin pale fair medium deep ivory rich warm tanned freckles eyes eyed brows nose ears
beard moustache mustache goatee stubble clean shaven full bearded sideburns
glasses sunglasses eyeglasses spectacles round square shades frames rimmed without
t shirt tshirt tee sweater jumper hoodie suit jacket blazer tie coat dress blouse polo shirt turtleneck
v neck crew striped checked plaid plain leather denim vest scarf spacesuit uniform top cardigan stripes
astronaut helmet hat cap collar clothes business formal casual tuxedo armour armor knight kimono robe apron
smile smiling happy sad angry neutral surprised laughing serious calm mood expression frowning grinning
open closed mouth eyes thoughtful looking worried content disgusted afraid fearful joyful big gentle slight
beach city street night day sunset sunrise forest park mountain mountains snow snowy desert space stars sky
office room library kitchen cafe restaurant studio backdrop background wall indoors outdoors garden field
sea ocean river lake street lights bokeh window bookshelf books trees meadow grass stage spotlight brick
gradient moon planet underwater rain rainy autumn winter summer spring evening morning skyline bar gym
soft hard bright warm cold cool daylight sunny cloudy golden hour lighting rim neon front left right
high low detailed realistic sharp blurred blurry quality bad beautiful handsome professional headshot
wears dressed standing sitting turned slightly towards facing camera view near under behind before during
colour color coloured colored very very one two three simple solid festive party
buzzed tower middle aged front - 's wearing looking
"""
WORDS: tuple[str, ...] = tuple(dict.fromkeys(_TEXT.split()))
# What the first weights have no token for.
MORE_WORDS: tuple[str, ...] = ("beanie",)
