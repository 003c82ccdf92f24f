/** The phrase bank of `phrase-captioner.ts`: who or what a picture may show, and where. Written for everyday photographs and drawings. */

const words = (list: string): readonly string[] => list.split(',').map((phrase) => phrase.trim());

export const SUBJECTS: readonly string[] = words(
  `a dog, two dogs, three dogs, a puppy, a cat, two cats, a horse, a bird, a flock of birds, a cow, a sheep, an elephant, a fish, a butterfly, a frog, a snake,
  a man, a woman, a boy, a girl, a child, a baby, two men, two women, two children, a group of people, a crowd, a man and a woman, a family, a person riding a bicycle,
  a man riding a horse, a skateboarder, a surfer, a skier, a snowboarder, a climber, a swimmer, a football player, a basketball player, a tennis player,
  children playing, people walking, people sitting at a table, a person running, a dog running, a dog catching a ball, a dog swimming, a dog jumping,
  a red car, a blue car, a white car, a car, a truck, a bus, a train, a bicycle, a motorcycle, an airplane, a boat, a sailing boat, a ship,
  a house, a building, tall buildings, a church, a bridge, a tower, a street, a lighthouse, a traffic light, a tree, trees, a forest, a palm tree, a flower, red flowers, yellow flowers,
  mountains, mountains covered in snow, a sunset, a rainbow, a night sky, the sea, a lake, a river, a waterfall, a field, a meadow, a beach, a hot air balloon, a snowman,
  a chair, a table, a bed, a sofa, a lamp, a desk with a computer, a bookshelf, a kitchen, a bathroom, a bedroom, a living room, an office, a television, a telephone, a clock,
  a cup, a bottle, a plate of food, a pizza, a cake, a sandwich, a banana, an apple, an orange, vegetables, a loaf of bread,
  a shirt, a blue shirt, a white shirt, a black shirt, a red shirt, a green shirt, a t-shirt, a dress, jeans, trousers, a jacket, a sweater, a pair of shoes, black shoes, brown shoes, white shoes,
  a pair of sandals, a handbag, a backpack, a wallet, a belt, a watch, a pair of sunglasses, a pair of earrings, a necklace, a tie, a hat, a pair of socks, a bottle of perfume, a lipstick,
  a red circle, a blue circle, a green circle, a yellow circle, a red square, a blue square, a green square, a yellow square, a red triangle, a blue triangle, a green triangle, a yellow triangle,
  a star, a heart, a diamond, a cross, a golf ball, a guitar, a violin, a French horn, a parachute, a chain saw, a gas pump, a garbage truck, a cassette player`,
);

export const SETTINGS: readonly string[] = words(
  `on the grass, on the beach, in the snow, in the water, on the street, on a road, in a park, in a forest, in a field, in the mountains, on a rock, in the sky, in a room, on a bed, on a table,
  in a kitchen, in front of a building, at night, at sunset, on a boat, in a pool, on a stage, on a white background, on a black background, on a blue background, on a green background`,
);
