//! Products of matrices, by `matrixmultiply`, whose functions take pointers.

/// A matrix in a slice of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'n> {
    numbers: &'n [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'n> Matrix<'n> {
    /// Row after row, each beginning `step` numbers after the one before.
    ///
    /// # Panics
    /// The slice is too short.
    pub fn new(numbers: &'n [f32], rows: usize, columns: usize, step: usize) -> Self {
        check(numbers, rows, columns, step);
        Self { numbers, rows, columns, row_step: step, column_step: 1 }
    }

    /// The same with rows for columns.
    #[must_use]
    pub fn turned(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }
}

/// Adds `scale` times the product of `a` and `b` to the matrix in `sum`, whose rows begin `step`
/// numbers apart. On one thread; the same numbers always give the same.
///
/// # Panics
/// The matrices do not fit each other, or `sum` is too short.
pub fn add_product(sum: &mut [f32], step: usize, scale: f32, a: Matrix<'_>, b: Matrix<'_>) {
    assert_eq!(a.columns, b.rows, "matrices that do not fit");
    check(sum, a.rows, b.columns, step);
    let signed = |n: usize| n.cast_signed();
    // SAFETY: `check` has seen that every number of the three matrices is inside its slice, and that
    // no two numbers of `sum` are in the same place; `sum` is borrowed mutably, so it overlaps none.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.columns,
            b.columns,
            scale,
            a.numbers.as_ptr(),
            signed(a.row_step),
            signed(a.column_step),
            b.numbers.as_ptr(),
            signed(b.row_step),
            signed(b.column_step),
            1.0,
            sum.as_mut_ptr(),
            signed(step),
            1,
        );
    }
}

fn check(numbers: &[f32], rows: usize, columns: usize, step: usize) {
    assert!(columns <= step, "rows that overlap");
    let last = rows.saturating_sub(1).checked_mul(step).and_then(|at| at.checked_add(columns));
    assert!(rows == 0 || last.is_some_and(|end| end <= numbers.len()), "a matrix beyond its slice");
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn products_are_right_and_never_leave_their_slices() {
        let a = [1.0, 2.0, 9.0, 3.0, 4.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        let mut sum = [1.0; 5];
        add_product(&mut sum, 3, 2.0, Matrix::new(&a, 2, 2, 3), Matrix::new(&b, 2, 2, 2));
        assert_eq!(sum, [39.0, 45.0, 1.0, 87.0, 101.0]);
        let mut sum = [0.0; 4];
        add_product(&mut sum, 2, 1.0, Matrix::new(&a, 2, 2, 3), Matrix::new(&b, 2, 2, 2).turned());
        assert_eq!(sum, [17.0, 23.0, 39.0, 53.0]);
        let short = || Matrix::new(&[0.0; 4], 2, 2, 3);
        let overlapping = || Matrix::new(&[0.0; 4], 2, 2, 1);
        let immense = || Matrix::new(&[0.0; 4], usize::MAX, 2, usize::MAX);
        assert!(catch_unwind(short).is_err());
        assert!(catch_unwind(overlapping).is_err());
        assert!(catch_unwind(immense).is_err());
        let product = |rows, columns, room: usize| {
            catch_unwind(move || {
                let (a, b) = ([1.0; 6], [1.0; 6]);
                let (a, b) = (Matrix::new(&a, 2, 3, 3), Matrix::new(&b, rows, columns, columns));
                add_product(&mut vec![0.0; room], columns, 1.0, a, b);
            })
        };
        assert!(product(3, 2, 4).is_ok());
        assert!(product(3, 2, 3).is_err());
        assert!(product(2, 3, 9).is_err());
    }
}
