import { tieredPolicy } from "../tier";
import { CALLS_IN_FLIGHT, TwoChoicesTier } from "../two-choices-tier";

/**
 * The less busy of two random endpoints: nearly as even as the least busy of all, without the herd that many directors make
 * when all see the same least busy one. Mitzenmacher 2001, "The Power of Two Choices in Randomized Load Balancing".
 */
export const powerOfTwoChoices = tieredPolicy(
  (endpoints, random) => new TwoChoicesTier(endpoints, random, CALLS_IN_FLIGHT),
);
