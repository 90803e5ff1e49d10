/**
 * Mix: whose payment is the next one. Merchants are named by their place in the list.
 *
 * @module
 */

/** Names the merchant of the next payment. */
export type Mix = () => number;

/** The merchants take turns. */
export function evenMix(merchants: number): Mix {
  let last = -1;
  return () => {
    last = (last + 1) % merchants;
    return last;
  };
}

/** The first merchant has this share of the payments, the others have the rest evenly. */
export function hotMix(merchants: number, share: number, random: () => number): Mix {
  return () => {
    if (merchants === 1 || random() < share) return 0;
    return 1 + Math.floor(random() * (merchants - 1));
  };
}

/** Zipf's law with exponent 1: the n-th merchant has a share in proportion to 1/n. Of 1,000 the first has 13.4 %, ten have 39 %. */
export function zipfMix(merchants: number, random: () => number): Mix {
  const upTo = new Float64Array(merchants);
  let sum = 0;
  for (let place = 0; place < merchants; place++) {
    sum += 1 / (place + 1);
    upTo[place] = sum;
  }
  return () => {
    const point = random() * sum;
    let [low, high] = [0, merchants - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (upTo[middle]! > point) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
