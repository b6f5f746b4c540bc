//! A transaction of one job: begun with the first statement, so that a job without statements costs
//! nothing, and ended by the thread that runs the job.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::Lost;
use super::session::{Fate, Mark, Session, Statement};
use crate::StoreError;
use crate::db::Param;

pub(crate) struct PgTx<'a> {
    session: &'a mut Session,
    begin: &'a str,
    state: State,
}

enum State {
    NotBegun,
    Open(Option<Mark>),
    /// A statement went wrong, after which the server takes nothing but the end of it.
    Failed(StoreError),
}

impl<'a> PgTx<'a> {
    pub fn new(session: &'a mut Session, begin: &'a str) -> PgTx<'a> {
        PgTx { session, begin, state: State::NotBegun }
    }

    pub fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let statement = statement(sql, params);
        let rows = match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Open(_) => self.session.fly_all(&[statement]),
            State::NotBegun => self.session.begin(self.begin, &[statement]).map(|(mark, rows)| {
                self.state = State::Open(mark);
                rows
            }),
        };
        self.note(rows).map(|mut rows| rows.pop().unwrap_or_default())
    }

    pub fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<usize, StoreError> {
        let statement = statement(sql, params);
        let changed = match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Open(_) => self.session.execute(&statement),
            State::NotBegun => self.session.begin_execute(self.begin, &statement).map(|(mark, n)| {
                self.state = State::Open(mark);
                n
            }),
        };
        self.note(changed).map(|n| n as usize)
    }

    pub fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        if matches!(self.state, State::NotBegun) {
            let begun = self.session.begin(self.begin, &[]);
            let (mark, _) = self.note(begun)?;
            self.state = State::Open(mark);
        }
        let done = self.session.simple(sql);
        self.note(done).map(drop)
    }

    fn note<T>(&mut self, answer: Result<T, Lost>) -> Result<T, StoreError> {
        answer.map_err(|lost| {
            if matches!(lost, Lost::Connection(_)) {
                self.session.disconnect();
            }
            let error = lost.into_error();
            self.state = State::Failed(error.clone());
            error
        })
    }

    /// Ends the transaction: with a commit when the job is to be kept.
    pub fn end(self, keep: bool) -> Result<(), StoreError> {
        match self.state {
            State::NotBegun => Ok(()),
            State::Failed(error) => {
                self.session.roll_back();
                Err(error)
            }
            State::Open(_) if !keep => {
                self.session.roll_back();
                Ok(())
            }
            State::Open(mark) => match self.session.commit() {
                Ok(()) => Ok(()),
                Err(Lost::Refused(error)) => Err(error),
                Err(Lost::Connection(cause)) => match self.session.fate_of(mark.as_ref()) {
                    Fate::Committed => Ok(()),
                    Fate::Undone => Err(StoreError::Unavailable { cause }),
                    Fate::Unknown => Err(StoreError::Unknown { cause }),
                },
            },
        }
    }
}

fn statement<'a>(sql: &'a str, params: &'a [Param<'_>]) -> Statement<'a> {
    let params = params
        .iter()
        .map(|p| {
            let value: &(dyn ToSql + Sync) = p;
            (value, p.pg_type())
        })
        .collect();
    Statement { sql, params }
}
