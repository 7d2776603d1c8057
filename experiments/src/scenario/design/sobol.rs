//! Sobol's sequence (Sobol 1967), unscrambled, in Gray code order (Antonov and Saleev 1979), with the direction numbers of Joe and
//! Kuo (2008, "Constructing Sobol sequences with better two-dimensional projections", their set `new-joe-kuo-6`). Integers only.

/// Most dimensions.
pub(super) const DIMENSIONS: usize = 32;
/// Digits after the binary point of a coordinate.
pub(super) const BITS: u32 = 32;

/// Of each dimension after the first: the coefficients of its primitive polynomial between the first and the last, and the
/// first direction numbers, as many as the polynomial's degree.
const DIRECTIONS: [(u32, &[u32]); DIMENSIONS - 1] = [
    (0, &[1]),
    (1, &[1, 3]),
    (1, &[1, 3, 1]),
    (2, &[1, 1, 1]),
    (1, &[1, 1, 3, 3]),
    (4, &[1, 3, 5, 13]),
    (2, &[1, 1, 5, 5, 17]),
    (4, &[1, 1, 5, 5, 5]),
    (7, &[1, 1, 7, 11, 19]),
    (11, &[1, 1, 5, 1, 1]),
    (13, &[1, 1, 1, 3, 11]),
    (14, &[1, 3, 5, 5, 31]),
    (1, &[1, 3, 3, 9, 7, 49]),
    (13, &[1, 1, 1, 15, 21, 21]),
    (16, &[1, 3, 1, 13, 27, 49]),
    (19, &[1, 1, 1, 15, 7, 5]),
    (22, &[1, 3, 1, 15, 13, 25]),
    (25, &[1, 1, 5, 5, 19, 61]),
    (1, &[1, 3, 7, 11, 23, 15, 103]),
    (4, &[1, 3, 7, 13, 13, 15, 69]),
    (7, &[1, 1, 3, 13, 7, 35, 63]),
    (8, &[1, 3, 5, 9, 1, 25, 53]),
    (14, &[1, 3, 1, 13, 9, 35, 107]),
    (19, &[1, 3, 1, 5, 27, 61, 31]),
    (21, &[1, 1, 5, 11, 19, 41, 61]),
    (28, &[1, 3, 5, 3, 3, 13, 69]),
    (31, &[1, 1, 7, 13, 1, 19, 1]),
    (32, &[1, 3, 7, 5, 13, 19, 59]),
    (37, &[1, 1, 3, 9, 25, 29, 41]),
    (41, &[1, 3, 5, 13, 23, 1, 55]),
    (42, &[1, 3, 7, 3, 13, 59, 17]),
];

/// A coordinate of all points from `skip` to `skip + points`, in units of 2^-32. Dimensions count from 0; one beyond
/// [`DIMENSIONS`] has no points.
pub(super) fn coordinates(dimension: usize, skip: u64, points: u64) -> Vec<u32> {
    let Some(directions) = directions(dimension) else { return Vec::new() };
    (skip..skip.saturating_add(points))
        .map(|index| {
            let gray = index ^ (index >> 1);
            let chosen = (0..BITS).filter(|bit| gray >> bit & 1 == 1);
            chosen.fold(0, |coordinate, bit| coordinate ^ directions[bit as usize])
        })
        .collect()
}

/// The direction numbers of a dimension, each with its digits after the binary point.
fn directions(dimension: usize) -> Option<[u32; BITS as usize]> {
    let mut all = [0; BITS as usize];
    let Some(row) = dimension.checked_sub(1) else {
        // The first dimension is the sequence of van der Corput.
        (0..BITS).for_each(|bit| all[bit as usize] = 1 << (BITS - 1 - bit));
        return Some(all);
    };
    let (coefficients, first) = DIRECTIONS.get(row)?;
    let degree = first.len();
    for bit in 0..all.len() {
        all[bit] = match first.get(bit) {
            Some(number) => number << (BITS as usize - 1 - bit),
            // The recurrence of Bratley and Fox (1988).
            None => {
                let last = all[bit - degree] ^ (all[bit - degree] >> degree);
                let terms = (1..degree).filter(|term| coefficients >> (degree - 1 - term) & 1 == 1);
                terms.fold(last, |number, term| number ^ all[bit - term])
            }
        };
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.qmc.Sobol(5, scramble=False).random(8), SciPy 1.17.1, in eighths.
    #[test]
    fn the_first_points_are_those_of_scipy() {
        let eighths: [[u32; 5]; 8] = [
            [0, 0, 0, 0, 0],
            [4, 4, 4, 4, 4],
            [6, 2, 2, 2, 6],
            [2, 6, 6, 6, 2],
            [3, 3, 5, 7, 3],
            [7, 7, 1, 3, 7],
            [5, 1, 7, 5, 5],
            [1, 5, 3, 1, 1],
        ];
        for dimension in 0..5 {
            let expected: Vec<u32> = eighths.iter().map(|point| point[dimension] << 29).collect();
            assert_eq!(coordinates(dimension, 0, 8), expected, "dimension {dimension}");
            assert_eq!(coordinates(dimension, 3, 4), expected[3..7], "dimension {dimension}");
        }
    }

    /// scipy.stats.qmc.Sobol(32, scramble=False, bits=32).random(50000)[[15, 49999]], times 2^4 and 2^32; SciPy 1.17.1.
    #[test]
    fn points_in_all_dimensions_are_those_of_scipy() {
        let fifteenth = [
            1, 15, 9, 5, 11, 3, 13, 5, 5, 11, 1, 3, 5, 9, 15, 13, 15, 15, 5, 11, 13, 13, 9, 13, 5, 11, 3, 13, 5, 9, 13,
            3,
        ];
        let late: [u32; DIMENSIONS] = [
            0x17450000, 0x9af30000, 0x4b090000, 0x47490000, 0x8bbf0000, 0x9ddf0000, 0x59230000, 0x121d0000, 0x2a310000,
            0xa3d90000, 0x8e1b0000, 0xfd3b0000, 0xdf530000, 0x1b450000, 0xfbdb0000, 0x71cd0000, 0xa64f0000, 0x520f0000,
            0x50f50000, 0xac5f0000, 0x2d170000, 0xf97d0000, 0xa5f70000, 0x44cf0000, 0x72bf0000, 0x31f50000, 0x07b70000,
            0x15650000, 0x8a430000, 0x09410000, 0x3d030000, 0xf9030000,
        ];
        for dimension in 0..DIMENSIONS {
            assert_eq!(coordinates(dimension, 15, 1), [fifteenth[dimension] << 28], "dimension {dimension}");
            assert_eq!(coordinates(dimension, 49_999, 1), [late[dimension]], "dimension {dimension}");
        }
        assert!(coordinates(DIMENSIONS, 0, 4).is_empty());
    }

    /// In base 2 each dimension is a (0, 1)-sequence: of the first 2^k points each interval of length 2^-k has one.
    #[test]
    fn each_dimension_of_a_power_of_two_is_a_permutation() {
        for dimension in 0..DIMENSIONS {
            for k in [1, 4, 8, 13] {
                let mut cells: Vec<u32> = coordinates(dimension, 0, 1 << k).iter().map(|x| x >> (BITS - k)).collect();
                cells.sort_unstable();
                assert!(cells.iter().copied().eq(0..1 << k), "dimension {dimension}, 2^{k} points");
            }
        }
    }
}
